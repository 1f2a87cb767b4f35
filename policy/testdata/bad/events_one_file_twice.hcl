gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

events "one" {
  file { path = "events.jsonl" }
}

events "two" {
  file { path = "events.jsonl" }  # ERROR: Repeated file
}
