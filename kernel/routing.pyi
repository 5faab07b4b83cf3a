from kernelq_plugins.routing.api import *
