gateway {
  hostname       = "mx.weir.test"
  data_dir       = "var"
  direct_inbound = "30sec"  # ERROR: Invalid value
  direct_outbound = "1h"  # ERROR: Invalid value
}
