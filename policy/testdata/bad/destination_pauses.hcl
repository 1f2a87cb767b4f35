gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

destination "a" {
  domains     = ["a.test"]
  backoff     = "2h"
  max_backoff = "1h"  # ERROR: Contradicting attributes
}

destination "b" {
  domains       = ["b.test"]
  suspend_after = 0
  suspend_for   = "1h"  # ERROR: Contradicting attributes
}
