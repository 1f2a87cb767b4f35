gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  mx = "acme.test"  # ERROR: Contradicting attributes
  host "b.test" {}
}
