from kernelq_plugins.serializers.api import *
