# What happens to mail goes into a file, a line of JSON for each event, and to a
# monitoring service by signed requests.

variable "secret" {
  description = "Key that signs the requests: openssl rand -base64 32"
  default     = "an example, no secret to anybody"
}

gateway {
  hostname = "mx.events.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

events "log" {
  file { path = "events.jsonl" }
}

events "trouble" {
  types = ["TransientFailure", "Bounce", "Expiration", "Quarantine", "Stall"]
  webhook {
    # On this machine, which has to be said; elsewhere it is https:// and nothing more.
    url           = "http://127.0.0.1:9099/weir"
    allow_private = ["127.0.0.1:9099"]
    secret        = var.secret
  }
}

tenant "events" {
  domains = ["events.test"]
  route { hosts = ["127.0.0.1:2526"] }

  events "own" {
    filter = "status:delivered"
    file { path = "delivered.jsonl" }
  }
}
