from kernelq.errors import *
from kernelq_plugins.results.errors import *
