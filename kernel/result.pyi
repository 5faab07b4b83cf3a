from kernelq_plugins.results.api import *
