gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = [header("To")]  # ERROR: Unknown function
}
