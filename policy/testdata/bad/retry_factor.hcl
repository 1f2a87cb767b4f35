gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

retry "quick" {
  phase {
    until  = "2h"
    every  = "15m"
    factor = 0.5  # ERROR: Invalid value
  }
}
