locals { spammer = "a@b.test" }

tenant "one" {
  domains  = [var.domain]
  rulesets = [ruleset.a, ruleset.b]
}
