gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

retry "quick" {
  delay_notice = "4h"  # ERROR: Delay notice comes too late
  phase {
    until = "2h"
    every = "15m"
  }
}
