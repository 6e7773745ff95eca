// Node runs .ts by itself but refuses .tsx: this loader turns TSX into JavaScript with Preact's automatic runtime.
import { readFileSync } from 'node:fs'
import { enableCompileCache, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

// What was compiled once is kept: a start then takes half the time. Where nothing can be written nothing is kept.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)))

let swc
registerHooks({
  load(url, context, next) {
    if (!url.endsWith('.tsx')) return next(url, context)
    swc ??= process.getBuiltinModule('node:module').createRequire(import.meta.url)('@swc/core')
    const path = fileURLToPath(url)
    const { code } = swc.transformSync(readFileSync(path, 'utf8'), {
      filename: path,
      sourceMaps: 'inline',
      jsc: {
        target: 'es2024',
        parser: { syntax: 'typescript', tsx: true },
        transform: { react: { runtime: 'automatic', importSource: 'preact' } },
      },
    })
    return { format: 'module', source: code, shortCircuit: true }
  },
})
