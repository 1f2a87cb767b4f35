;; The meter's own import, to call it or to shift what it counts.
;; expect: load: import from "weir1_meter", which the host adds itself
(module
  (import "weir1_meter" "tick" (func))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
