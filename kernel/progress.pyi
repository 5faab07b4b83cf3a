from kernelq_plugins.workflow_views.progress import *
