"""lighterage: one YAML workflow, from a laptop through Argo Workflows to a TFLite bundle proven fit for a device."""

__version__ = "0.1.0"
