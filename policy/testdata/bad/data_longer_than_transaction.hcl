gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
  limits {
    data_timeout = "1h"  # ERROR: Contradicting limits
  }
}
