/** A browser without JavaScript, reduced to what a test needs: cookies, forms, redirects followed one by one. */
export interface Page {
  readonly status: number
  readonly url: string
  readonly text: string
  readonly location: string | undefined
  /** Of the last answer; absent where there was none. */
  readonly headers?: Headers
}

export interface Plain {
  get(path: string): Promise<Page>
  /** Pairs, where a field is to be sent more than once. */
  post(path: string, fields: Record<string, string> | [string, string][], headers?: Record<string, string>): Promise<Page>
  /** Cookies as they stand, to copy them elsewhere or to plant others. */
  readonly cookies: Map<string, string>
  /** Posts the form whose action is given, with its hidden fields and these. */
  submit(page: Page, action: string, fields?: Record<string, string>): Promise<Page>
}

const plainText = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

export function hiddenFields(html: string, action: string): Record<string, string> {
  const form = [...html.matchAll(/<form[^>]*>[\s\S]*?<\/form>/g)].map(m => m[0]).find(f => f.includes(`action="${action}"`))
  if (!form) throw new Error(`no form with action ${action} in ${html.slice(0, 300)}`)
  return Object.fromEntries([...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(m => [m[1]!, plainText(m[2]!)]))
}

export function plainBrowser(
  base: string,
  userAgent = 'Mozilla/5.0 (Linux; Android 14) Mobile',
  always: Readonly<Record<string, string>> = {},
): Plain {
  const cookies = new Map<string, string>()
  const go = async (path: string, init: RequestInit): Promise<Page> => {
    const url = new URL(path, base)
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: {
        'user-agent': userAgent,
        ...always,
        cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join('; '),
        ...(init.headers as Record<string, string>),
      },
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      cookies.set(name!, value!)
    }
    const { status, headers } = response
    return { status, url: url.href, text: await response.text(), location: headers.get('location') ?? undefined, headers }
  }
  const post: Plain['post'] = (path, fields, headers = {}) =>
    go(path, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(path, base).origin, ...headers },
    })
  return {
    cookies,
    get: path => go(path, {}),
    post,
    submit: (page, action, fields = {}) => post(action, { ...hiddenFields(page.text, action), ...fields }),
  }
}
