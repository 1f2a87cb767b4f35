gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = splt(" ", "a b")  # ERROR: Unknown function
}
