gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = ["a.test"]
  port  = 587  # ERROR: Contradicting attributes
}
