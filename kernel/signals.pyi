from kernelq_plugins.signals.api import *
