from kernelq_plugins.schedules.api import *
