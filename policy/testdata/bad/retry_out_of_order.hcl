gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

retry "quick" {
  phase {
    until = "2h"
    every = "15m"
  }
  phase {
    until = "1h"  # ERROR: Phases out of order
    every = "15m"
  }
}
