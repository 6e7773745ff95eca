import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { en } from '#web/messages.en.ts'
import { zh } from '#web/messages.zh-CN.ts'
import { billPage } from '#web/resident/bill.tsx'
import { errorPage } from '#web/resident/error.tsx'
import { assets, minifyCss } from '#web/ui/assets.ts'
import { qrModules } from '#web/ui/parts.tsx'
import { context } from './browser.ts'
import { billView, samples } from './samples.tsx'

const modes = (['zh-CN', 'en'] as const).flatMap(lang => ([undefined, 'elder'] as const).map(elder => context(lang, elder)))
const each = (check: (html: string, where: string) => void) => {
  for (const sample of samples) for (const ctx of modes) check(sample.render(ctx), `${sample.name} ${ctx.lang} ${ctx.elder ?? 'standard'}`)
}
const webDir = new URL('../', import.meta.url)
const sources = (ext: RegExp) =>
  readdirSync(webDir, { recursive: true, encoding: 'utf8' })
    .filter(path => ext.test(path) && !path.startsWith('test'))
    .map(path => readFileSync(new URL(path, webDir), 'utf8'))
    .join('\n')

test('every page is one document with its language, one h1, a main part and a title', () => {
  each((html, where) => {
    assert.match(html, /^<!doctype html><html lang="(zh-CN|en)"/, where)
    assert.equal(html.match(/<h1[ >]/g)?.length, 1, `${where}: one h1`)
    assert.equal(html.match(/<main[ >]/g)?.length, 1, `${where}: one main`)
    assert.match(html, /<title>[^<]{2,} · (一门|Yimen)<\/title>/, where)
  })
})

test('no page carries inline style, script or handler, nor anything from another origin', () => {
  each((html, where) => {
    assert.doesNotMatch(html, /\sstyle=|<style|\son[a-z]+="/, where)
    for (const [tag] of html.matchAll(/<script[^>]*>/g)) assert.match(tag, / src="\/assets\//, where)
    assert.doesNotMatch(html, /(src|href|action)="(https?:)?\/\//, where)
  })
})

test('no page shows raw personal data: telephone, identity card or whole account number', () => {
  each((html, where) => {
    const text = html.replace(/<svg[\s\S]*?<\/svg>/g, '').replace(/ (href|value|data-[a-z]+|name|action)="[^"]*"/g, '')
    assert.doesNotMatch(text, /(?<!\d)1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)/, `${where}: telephone`)
    assert.doesNotMatch(text, /(?<!\d)\d{17}[\dXx](?!\d)/, `${where}: identity card`)
    assert.doesNotMatch(text, /(?<!\d)3306\s?\d{4}\s?\d{2,4}(?!\d)/, `${where}: account`)
  })
})

test('every POST form carries the token; nothing is disabled, starred or asked by CAPTCHA', () => {
  each((html, where) => {
    for (const [form] of html.matchAll(/<form[^>]*method="post"[\s\S]*?<\/form>/g)) {
      assert.match(form, /<input type="hidden" name="csrf" value="csrf-sample"/, where)
      assert.match(form, / action="\//, where)
    }
    assert.doesNotMatch(html, / disabled/, where)
  })
})

test('ids are unique and every label, description and icon points at something', () => {
  each((html, where) => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(m => m[1]!)
    assert.equal(new Set(ids).size, ids.length, `${where}: ${ids.filter((x, i) => ids.indexOf(x) !== i)}`)
    const known = new Set(ids)
    for (const [, list] of html.matchAll(/ (?:for|aria-describedby|form)="([^"]+)"/g))
      for (const id of list!.split(' ')) assert.ok(known.has(id), `${where}: ${id}`)
    for (const [, id] of html.matchAll(/ href="#([^"]+)"/g)) assert.ok(known.has(id!), `${where}: #${id}`)
  })
})

test('a page that came back with errors says so before its title and lists them first', () => {
  for (const sample of samples.filter(s => s.name.includes('-error') && !s.name.startsWith('staff-error'))) {
    const html = sample.render(context('zh-CN', undefined))
    assert.match(html, /<title>错误：/, sample.name)
    assert.match(html, /<main[^>]*>(<div class="deskbox card">)?<div class="errors" role="alert" tabindex="-1" autofocus/, sample.name)
  }
})

test('each error page that names money says in plain words whether it moved', () => {
  const words = { not_charged: '未扣款', charged_pending: '已扣款，待确认', charged_refunding: '已扣款，将退回' } as const
  for (const [money, word] of Object.entries(words)) {
    const html = errorPage(context('zh-CN', undefined), {
      status: 500,
      money: money as keyof typeof words,
      requestId: 'r1',
      retryHref: '/pay',
    })
    assert.match(html, new RegExp(word))
    assert.equal(html.includes('再试一次'), money === 'not_charged', 'a retry is offered only while no money moved')
  }
})

test('a bill with a stop has no way to pay; without one the button names the amount', () => {
  const ctx = context('zh-CN', undefined)
  assert.match(billPage(ctx, billView(ctx)), /确认支付.*<span class="keep">131\.95元/)
  const blocked = billPage(ctx, billView(ctx, { precheck: [{ level: 'stop', key: 'account_closed' }] }))
  assert.doesNotMatch(blocked, /id="pay"|确认支付/)
})

test('hostile text stays text, in the page and in its title', () => {
  const ctx = context('en', undefined, { path: '/"><script>alert(1)</script>', tenantName: '<img src=x onerror=alert(1)>' })
  const html = billPage(ctx, billView(ctx, { service: '</title><script>alert(1)</script>', quote: '"><svg onload=alert(1)>' }))
  assert.doesNotMatch(html, /<script>alert|<img src=x|<svg onload/)
})

test('a first visit to any resident page weighs at most 15 KiB gzip in at most four requests', () => {
  const budget = 15 * 1024
  for (const sample of samples.filter(s => s.surface === undefined)) {
    for (const ctx of modes) {
      const html = sample.render(ctx)
      const paths = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(m => m[1]!)
      const bytes = gzipSync(html).length + paths.reduce((sum, path) => sum + assets.files.get(path)!.gzip.length, 0)
      assert.ok(bytes <= budget, `${sample.name} ${ctx.lang}: ${bytes} bytes`)
      assert.ok(paths.length + 1 <= 4, `${sample.name}: ${paths.length + 1} requests`)
    }
  }
})

test('the resident stylesheet is at most 8 KiB and each script at most 2 KiB gzip', () => {
  for (const [path, file] of assets.files) {
    if (path.endsWith('.js')) assert.ok(file.gzip.length <= 2048, `${path} ${file.gzip.length}`)
    if (path.includes('resident')) assert.ok(file.gzip.length <= 8192, `${path} ${file.gzip.length}`)
  }
})

test('every class in a stylesheet is used by some page', () => {
  const code = sources(/\.(tsx|ts)$/)
  const classes = new Set(
    [
      ...sources(/\.css$/)
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .matchAll(/(?<![\d\w])\.([a-z][\w-]*)(?=[^{}]*\{)/g),
    ].map(m => m[1]!),
  )
  const unused = [...classes].filter(name => !code.includes(name) && !(name.includes('--') && code.includes(`${name.split('--')[0]}--\${`)))
  assert.deepEqual(unused, [])
})

test('every message is used, and no English text contains Chinese', () => {
  const tables = ['', 'kiosk/', 'resident/', 'staff/'].flatMap(folder => [table('zh-CN', folder), table('en', folder)])
  const code = tables.reduce((text, own) => text.replaceAll(own, ''), sources(/\.(tsx|ts)$/))
  const unused = Object.keys(zh).filter(key => !code.includes(`'${key}'`) && !code.includes(`"${key}"`) && !isComposed(key, code))
  assert.deepEqual(unused, [])
  for (const [key, text] of Object.entries(en)) assert.doesNotMatch(text, /[\u4e00-\u9fff]/, key)
})

const table = (lang: string, folder: string) => readFileSync(new URL(`${folder}messages.${lang}.ts`, webDir), 'utf8')

/** A key built as `prefix${…}` or `prefix${…}suffix` in the code. */
function isComposed(key: string, code: string): boolean {
  for (let cut = key.length - 1; cut > key.indexOf('.'); cut--) if (code.includes(`\`${key.slice(0, cut)}\${`)) return true
  return code.includes(`\`${key.split('.')[0]}.\${`)
}

test('both languages take the same parameters', () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]).sort()
  for (const key of Object.keys(zh) as (keyof typeof zh)[]) assert.deepEqual(names(en[key]), names(zh[key]), key)
})

test('the minifier keeps what has meaning', () => {
  assert.equal(
    minifyCss('/* x */ .a :is(.b, .c) > d { margin: calc(1px + 2px) ; content: "a  b" }'),
    '.a :is(.b,.c)>d{margin:calc(1px + 2px);content:"a  b"}',
  )
})

test('a QR symbol keeps four quiet modules on each side', () => {
  const { size, path } = qrModules('https://wutongli.example/verify?c=8k2m')
  const cells = [...path.matchAll(/M(\d+) (\d+)h(\d+)/g)].map(m => ({ x: Number(m[1]), y: Number(m[2]), w: Number(m[3]) }))
  assert.equal(Math.min(...cells.map(c => c.x)), 4)
  assert.equal(Math.min(...cells.map(c => c.y)), 4)
  assert.equal(Math.max(...cells.map(c => c.x + c.w)), size - 4)
})
