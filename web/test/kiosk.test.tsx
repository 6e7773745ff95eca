import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { assets } from '#web/ui/assets.ts'
import { axeOn } from './axe.ts'
import { context } from './browser.ts'
import { addresses, openSampled, type Sampled } from './sampled.ts'
import { samples } from './samples.tsx'

const kiosks = samples.filter(s => s.surface === 'kiosk')
const framed = kiosks.filter(s => s.render(context('zh-CN', undefined)).includes('kiosk__foot'))
const upright = { viewport: { width: 1080, height: 1920 }, reducedMotion: 'reduce' } as const
const lying = { viewport: { width: 1920, height: 1080 }, reducedMotion: 'reduce' } as const

let sampled: Sampled
before(async () => {
  sampled = await openSampled()
})
after(() => sampled?.close())

const visit = async (list: typeof samples, size: typeof upright | typeof lying, check: (tab: Page, path: string) => Promise<string[]>) =>
  sampled.visit(addresses(list, [undefined, 'elder']), await sampled.browser.newContext(size), check)

test('axe finds nothing on any screen of the kiosk, in both languages and sizes', async () => {
  assert.deepEqual(await visit(kiosks, upright, tab => axeOn(tab)), [])
})

/** Whatever can be touched, smaller than 72 px or nearer than 8 px to the next; the mark at the top is no button to aim at. */
const touch = () => {
  const all = [...document.querySelectorAll<HTMLElement>('a, button, input:not([type=hidden])')].filter(
    e => !e.closest('.skip, dialog:not([open])') && e.getClientRects().length > 0,
  )
  const boxes = all.map(e => ({ e, r: e.getBoundingClientRect() }))
  const small = boxes.filter(({ r }) => r.height < 71.5 || r.width < 71.5)
  const near = boxes.flatMap(({ e, r }, i) =>
    boxes.slice(i + 1).flatMap(other => {
      const [dx, dy] = [Math.max(r.left - other.r.right, other.r.left - r.right), Math.max(r.top - other.r.bottom, other.r.top - r.bottom)]
      return Math.max(dx, dy) < 7.5 && !e.contains(other.e) ? [`${e.textContent} | ${other.e.textContent}`] : []
    }),
  )
  return [
    ...small.map(({ e, r }) => `${Math.round(r.width)}×${Math.round(r.height)} ${e.outerHTML.slice(0, 90)}`),
    ...near.map(n => `near: ${n}`),
  ]
}

test('everything to touch is at least 72 px and 8 px from the next, upright and lying', async () => {
  for (const size of [upright, lying]) assert.deepEqual(await visit(kiosks, size, tab => tab.evaluate(touch)), [])
})

test('nothing runs off the screen sideways, and restart and help keep their corners', async () => {
  for (const size of [upright, lying]) {
    const corners = new Map<string, Set<string>>()
    const complaints = await visit(framed, size, async (tab, path) => {
      const seen = await tab.evaluate(() => {
        const spot = (icon: string) => {
          const r = document.querySelector(`.kiosk__foot [href="#i-${icon}"]`)?.closest('button')?.getBoundingClientRect()
          return r ? `${Math.round(r.left)},${Math.round(r.top)},${Math.round(r.width)}` : 'missing'
        }
        return {
          width: document.documentElement.scrollWidth,
          height: document.documentElement.scrollHeight,
          corners: `${spot('restart')} ${spot('help')}`,
        }
      })
      const mode = path.split('/').at(-1)!
      corners.set(mode, (corners.get(mode) ?? new Set()).add(seen.corners))
      return seen.width > size.viewport.width || seen.height > size.viewport.height ? [`${seen.width}×${seen.height}`] : []
    })
    assert.deepEqual(complaints, [])
    for (const [mode, spots] of corners) assert.equal(spots.size, 1, `${mode}: ${[...spots].join(' | ')}`)
  }
})

test('the buttons of a task stand in the lower two thirds of an upright screen', async () => {
  const complaints = await visit(
    framed.filter(s => s.name !== 'kiosk-number-wrong'),
    upright,
    tab =>
      tab.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>('main a.kdoor, main .btn')]
          .filter(e => e.getClientRects().length > 0 && e.getBoundingClientRect().top < innerHeight / 3)
          .map(e => `${Math.round(e.getBoundingClientRect().top)} ${e.textContent}`),
      ),
  )
  assert.deepEqual(complaints, [])
})

test('the first screen weighs at most 40 KiB with its style and scripts', () => {
  const html = kiosks[0]!.render(context('zh-CN', undefined))
  const files = (['kiosk.css', 'kiosk.js', 'device.js', 'kiosk-worker.js', 'icon.svg'] as const).map(
    name => assets.files.get(assets.href(name))!.gzip.length,
  )
  const bytes = gzipSync(html).length + files.reduce((sum, size) => sum + size, 0)
  assert.ok(bytes <= 40 * 1024, `${bytes} bytes`)
  process.stdout.write(`kiosk first load: ${(bytes / 1024).toFixed(1)} KiB gzip\n`)
})

test('the pad types, takes back and clears; a scanner types in one go', async () => {
  const tab = await sampled.browser.newPage(upright)
  await tab.route('**/assets/device.*.js', route => route.fulfill({ contentType: 'text/javascript', body: '' }))
  await tab.goto(`${sampled.site.url}/kiosk-number/zh-CN/standard`)
  const press = (key: string) => tab.locator(`[data-key="${key}"]`).click()
  for (const key of ['1', '0', '4', 'back', '5']) await press(key)
  assert.equal(await tab.inputValue('#account'), '105')
  await press('clear')
  for (const key of '12345678901234567890') await press(key)
  assert.equal(await tab.inputValue('#account'), '12345678901234', 'no longer than a number is')
  const posts: string[] = []
  await tab.route('**/kiosk/**', route => {
    posts.push(`${new URL(route.request().url()).pathname} ${new URLSearchParams(route.request().postData() ?? '').get('code') ?? ''}`)
    return route.fulfill({ status: 204 })
  })
  await tab.goto(`${sampled.site.url}/kiosk-start/zh-CN/standard`)
  const code = `https://a.example/b/${'7m3kq2x9d4'.repeat(2)}`
  await tab.keyboard.type(code.slice(0, -12))
  await tab.waitForTimeout(700)
  await tab.keyboard.type(code.slice(-12))
  await tab.keyboard.press('Enter')
  assert.deepEqual(
    posts.filter(post => post.startsWith('/kiosk/scan')),
    [],
    'what was left half typed does not count',
  )
  await tab.keyboard.type(code)
  await tab.keyboard.press('Enter')
  await tab.waitForTimeout(200)
  assert.deepEqual(
    posts.filter(post => post.startsWith('/kiosk/scan')),
    [`/kiosk/scan ${code}`],
  )
  await tab.close()
})
