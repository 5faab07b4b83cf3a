from kernelq_plugins.beat.api import *
