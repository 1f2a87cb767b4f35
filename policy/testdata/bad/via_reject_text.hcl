gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

via "lines" {
  recipient = ["a.test"]
  reject    = "no\r\n250 ok"  # ERROR: Invalid value
}

via "empty" {
  recipient = ["b.test"]
  reject    = " "  # ERROR: Invalid value
}
