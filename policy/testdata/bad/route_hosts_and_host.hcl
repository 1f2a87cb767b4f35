gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = ["a.test"]
  host "b.test" {}  # ERROR: Contradicting attributes
}
