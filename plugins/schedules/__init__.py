"""Schedules: when periodic tasks run.

from kernelq.schedules import crontab, schedule, solar
"""
