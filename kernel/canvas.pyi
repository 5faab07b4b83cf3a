from kernelq_plugins.canvas.api import *
