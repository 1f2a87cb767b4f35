gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  recipients {
    valid_for = "1h"
    refresh   = "2h"  # ERROR: Contradicting attributes
  }
}
