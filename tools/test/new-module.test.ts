import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkBoundaries } from '../boundaries.ts'
import { importsOf } from '../imports.ts'
import { moduleFiles } from '../new-module.ts'
import { root } from '../root.ts'
import { compareMessages, tidyFile, tidyMigration } from '../tidy.ts'

const files = moduleFiles('matters')

test('a new module has every file the check asks for, and they parse', () => {
  for (const needed of [
    'README.md',
    'index.ts',
    'contract.ts',
    'model.ts',
    'service.ts',
    'store.ts',
    'errors.ts',
    'events.ts',
    'migrations/0001_matters.sql',
  ])
    assert.ok(files.has(needed), needed)
  for (const [path, text] of files) if (path.endsWith('.ts')) assert.doesNotThrow(() => importsOf(text, false), path)
})

test('a new module is tidy', () => {
  const faults = [...files].flatMap(([path, text]) => [
    ...tidyFile(`src/modules/matters/${path}`, text),
    ...(path.endsWith('.sql') ? tidyMigration(path, text) : []),
  ])
  assert.deepEqual(faults, [])
  const keys = (name: string) => Object.fromEntries([...files.get(name)!.matchAll(/'(matters\.[a-z_]+)':/g)].map(match => [match[1]!, '']))
  assert.deepEqual(compareMessages('matters', keys('messages.zh-CN.ts'), keys('messages.en.ts')), [])
})

test('the kernel has what a new module imports', () => {
  assert.equal(checkBoundaries(root, ['trail']).importsSeen > 0, true)
  for (const [path, text] of files) {
    for (const { name } of importsOf(text.startsWith('import') || text.startsWith('export') ? text : '', false))
      assert.match(name, /^(\.|#kernel\/|#modules\/trail\/index\.ts$|zod$|node:)/, path)
  }
})
