from kernelq_plugins.workflow_views.api import *
