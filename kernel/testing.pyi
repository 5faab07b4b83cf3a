from kernelq_plugins.testkit.api import *
from kernelq_plugins.testkit.suites import BackendSuite as BackendSuite
from kernelq_plugins.testkit.suites import Behaviour as Behaviour
from kernelq_plugins.testkit.suites import BrokerSuite as BrokerSuite
from kernelq_plugins.testkit.suites import WorkflowStoreSuite as WorkflowStoreSuite
from kernelq_plugins.testkit.suites import behaviours as behaviours
from kernelq_plugins.testkit.suites import requires as requires
