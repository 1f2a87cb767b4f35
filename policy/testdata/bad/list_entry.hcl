gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

list "vip" {
  entries = ["a@b.test", "two words"]  # ERROR: Invalid value
}
