from kernelq_plugins.once_lock.api import *
