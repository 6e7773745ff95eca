import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'

export const MINI = fileURLToPath(new URL('../../mini', import.meta.url))

/** What happens outside the shell: what the camera sees, what the person does in the wallet, whether there is a network. */
export interface Around {
  readonly home: string
  /** The app's own server: the stand-in. */
  readonly wechat: string
  scanned?: string
  answer?: 'pay' | 'cancel'
  isOffline?: boolean
  lang?: string
}

export interface ShellPage {
  readonly data: Record<string, unknown>
  readonly params?: Record<string, string>
  onLoad(options: Record<string, string>): Promise<unknown> | undefined
  onScan(): void
  onMine(): void
  onPay(): Promise<unknown>
  onAgain(): Promise<unknown>
}

export interface Shell {
  /** Opens a page of the shell as the app does: its file run, its data its own, `onLoad` done. */
  open(url: string): Promise<ShellPage>
  /** Where the shell went, newest last. */
  readonly went: string[]
  /** Parameters the wallet was opened with. */
  readonly paid: Record<string, string>[]
}

type Done = { success?(answer: unknown): void; fail?(answer: { errMsg: string }): void }

async function post(url: string, body: object): Promise<Record<string, string>> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  return (await answer.json()) as Record<string, string>
}

/** The app around the shell, written by hand: only what the shell calls. */
function appOf(around: Around, shell: Pick<Shell, 'went' | 'paid'>) {
  const person = `person-${Math.random()}`
  return {
    getAppBaseInfo: () => ({ language: around.lang ?? 'zh_CN' }),
    scanCode: ({ success, fail }: Done) =>
      around.scanned === undefined ? fail?.({ errMsg: 'scanCode:fail cancel' }) : success?.({ result: around.scanned }),
    login: ({ success, fail }: Done) =>
      void post(`${around.wechat}/wallet/mini-login`, { person }).then(success, () => fail?.({ errMsg: 'login:fail' })),
    request: ({ url, method, data, success, fail }: Done & { url: string; method: string; data?: object }) => {
      if (around.isOffline) return fail?.({ errMsg: 'request:fail' })
      const sent = { method, ...(data && { body: JSON.stringify(data), headers: { 'content-type': 'application/json' } }) }
      return void fetch(url, sent).then(
        async answer => success?.({ statusCode: answer.status, data: await answer.json() }),
        () => fail?.({ errMsg: 'request:fail' }),
      )
    },
    navigateTo: ({ url }: { url: string }) => void shell.went.push(url),
    redirectTo: ({ url }: { url: string }) => void shell.went.push(url),
    requestPayment: ({ success, fail, ...params }: Done & Record<string, unknown>) => {
      shell.paid.push(params as Record<string, string>)
      void post(`${around.wechat}/wallet/mini-pay`, { params, answer: around.answer ?? 'pay' }).then(({ errMsg = '' }) =>
        errMsg === 'requestPayment:ok' ? success?.({ errMsg }) : fail?.({ errMsg }),
      )
    },
  }
}

/** Runs the shell's own files, each page apart, with nothing but `wx`, `Page`, `App` and its own modules. */
export function startShell(around: Around): Shell {
  const shell = { went: [] as string[], paid: [] as Record<string, string>[] }
  const wx = appOf(around, shell)
  const load = (file: string, globals: object): unknown => {
    const module = { exports: {} as unknown }
    const require = (path: string): unknown => {
      const target = resolve(dirname(file), path)
      // The operator writes this file.
      return target === join(MINI, 'config.js') ? { home: around.home } : load(target, globals)
    }
    const context = createContext({ ...globals, module, require, Promise, decodeURIComponent, encodeURIComponent })
    runInContext(readFileSync(file, 'utf8'), context, { filename: file })
    return module.exports
  }
  load(join(MINI, 'app.js'), { wx, App: () => {} })
  return {
    ...shell,
    async open(url) {
      const { pathname, searchParams } = new URL(url, 'shell://')
      let page: ShellPage | undefined
      load(join(MINI, `${pathname}.js`), {
        wx,
        Page: (made: ShellPage) => {
          page = Object.assign(made, { data: { ...made.data }, setData: (change: object) => Object.assign(made.data, change) })
        },
      })
      // The app hands a page its query as it was written.
      const raw = new URL(url, 'shell://').search.slice(1)
      const options = Object.fromEntries([...searchParams.keys()].map(key => [key, new RegExp(`(?:^|&)${key}=([^&]*)`).exec(raw)![1]!]))
      await page?.onLoad?.(options)
      if (!page) throw new Error(`${url} made no page`)
      return page
    },
  }
}

/** Every file of the package. */
export const filesOf = (folder = MINI): { path: string; bytes: number }[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesOf(path) : [{ path, bytes: statSync(path).size }]
  })
