gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = split(" ", file("nowhere.txt"))  # ERROR: Invalid function argument
}
