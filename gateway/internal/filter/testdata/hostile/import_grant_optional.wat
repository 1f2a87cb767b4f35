;; Asks for a grant as optional, does not get it, and uses it: the call is denied.
;; asks: dial?
;; expect: reported: result -2
(module
  (import "weir1" "dial" (func $f (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (return (call $f (i32.const 0) (i32.const 0)))
    (i32.const 0))
)
