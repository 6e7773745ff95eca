import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { withTestDb } from '#kernel/db/testing.ts'
import { createHttp } from '../http.ts'

const ROOT = new URL('../../../', import.meta.url).pathname
/** What people read about the product; the stand-ins under `sandbox` describe addresses of their own. */
const pages = globSync(['*.md', 'docs/*.md', 'src/**/README.md', 'web/**/README.md'], { cwd: ROOT }).map(name => ({
  name,
  text: readFileSync(join(ROOT, name), 'utf8'),
}))
/** Each match of the first group with the page it stands in. */
const named = (pattern: RegExp) => pages.flatMap(({ name, text }) => [...text.matchAll(pattern)].map(match => `${name}: ${match[1]}`))
const wordOf = (place: string): string => place.slice(place.indexOf(': ') + 2)

test('each address the documents name is a page of the product', () =>
  withTestDb(async kernel => {
    const server = await createHttp({ kernel, tenant: { id: 1, name: { 'zh-CN': '梧桐里', en: 'Wutongli' }, phone: '', address: '' } })
    await server.ready()
    // Folders of the machine begin with a slash too.
    const addresses = named(/`(\/[a-z][a-z0-9/.-]*)`/g).filter(place => !/^\/(var|etc|tmp|usr|opt)\//.test(wordOf(place)))
    assert.ok(addresses.length > 8, `only ${addresses.length} found`)
    assert.deepEqual(
      addresses.filter(place => !server.hasRoute({ method: 'GET', url: wordOf(place) })),
      [],
    )
    await server.close()
  }))

test('each command the documents name is there', () => {
  const help = execFileSync(process.execPath, [join(ROOT, 'bin/yimen.mjs'), 'help'], { encoding: 'utf8' })
  const known = new Set(['dev', 'help', ...[...help.matchAll(/^ {2}([a-z][a-z-]+)/gm)].map(match => match[1])])
  const commands = named(/(?:node bin\/yimen\.mjs|`yimen) ([a-z][a-z-]*)/g)
  assert.ok(commands.length > 8, `only ${commands.length} found`)
  assert.deepEqual(
    commands.filter(place => !known.has(wordOf(place))),
    [],
  )
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  assert.deepEqual(
    named(/npm run ([a-z][a-z:-]*)/g).filter(place => !Object.hasOwn(scripts, wordOf(place))),
    [],
  )
})
