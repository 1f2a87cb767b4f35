gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  mx       = "acme.test"
  protocol = "lmtp"  # ERROR: Contradicting attributes
}
