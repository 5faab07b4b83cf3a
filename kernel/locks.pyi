from kernelq_plugins.once_lock.contract import *
