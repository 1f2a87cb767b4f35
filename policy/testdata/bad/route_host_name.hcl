gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  host "a b.test" {}       # ERROR: Invalid name
  host "b.test:smtp" {}    # ERROR: Invalid name
  host "c.test:25" {
    weight = -1  # ERROR: Invalid value
  }
}
