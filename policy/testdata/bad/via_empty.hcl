gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

via "nobody" {
  recipient = []  # ERROR: Invalid value
  sender    = ["a@acme.test", "<>", "a@acme.test"]  # ERROR: Repeated value
  mx        = true
}
