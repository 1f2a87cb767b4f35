;; Throws.
;; flags: --enable-exceptions
;; expect: load: section 13
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (tag $e)
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (throw $e)
    (i32.const 0))
)
