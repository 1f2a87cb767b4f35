gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

events "siem" {
  types = ["Delivered"]  # ERROR: Invalid value
  file { path = "events.jsonl" }
}
