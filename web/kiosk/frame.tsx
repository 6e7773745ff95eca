import type { ComponentChildren } from 'preact'
import { paths } from '#web/resident/paths.ts'
import { dateTime } from '#web/ui/format.ts'
import { fieldNames, Hidden, PostForm } from '#web/ui/forms.tsx'
import { Brand } from '#web/ui/layout.tsx'
import { type PageContext, type PageOptions, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, Icon } from '#web/ui/parts.tsx'
import { kioskPaths } from './paths.ts'

/** A page of a kiosk: which machine it is, and whether somebody was called to it. */
export interface KioskPageContext extends PageContext {
  title: string
  now: Date
  /** Who comes, once somebody said so. */
  help?: { by?: string }
}

/** How long nobody may touch the screen before it asks whether somebody is there, and how long it waits for the answer. */
const IDLE_S = 45
const WARN_S = 15
/** With a code to pay on the screen people look at their telephone: it waits longer, but no machine is held for ever. */
export const PAYING_IDLE_S = 180

export interface FrameOptions {
  /** Name of the screen, for the script and for what the machine says of itself. */
  name: string
  /** Nothing to wipe: no countdown. */
  isEmpty?: boolean
  idle_s?: number
  /** A scanner's text is a bill here. */
  scans?: boolean
  /** A code to pay is not known yet: the page comes again once it is. */
  isUnsure?: boolean
  /** What was typed came back. */
  hasError?: boolean
}

/** What is behind the buttons in the same corner of each screen. */
function Foot() {
  const { ctx, t } = usePage()
  const { help } = ctx as KioskPageContext
  const isEnglish = ctx.lang === 'en'
  const back = <Hidden name={fieldNames.back} value={ctx.path} />
  return (
    <footer class="kiosk__foot">
      <PostForm action={paths.prefs}>
        {back}
        <Button kind="secondary" wide icon="text" name="elder" value={ctx.elder ? 'standard' : 'elder'}>
          {t(ctx.elder ? 'kiosk.smaller' : 'kiosk.larger')}
        </Button>
      </PostForm>
      <PostForm action={paths.prefs}>
        {back}
        <Button kind="secondary" wide icon="globe" name="lang" value={isEnglish ? 'zh-CN' : 'en'}>
          <span lang={isEnglish ? 'zh-CN' : 'en'}>{isEnglish ? '中文' : 'English'}</span>
        </Button>
      </PostForm>
      <PostForm action={kioskPaths.wipe} class="wipe">
        <Hidden name="why" value="restarted" />
        <Button kind="secondary" wide icon="restart">
          {t('kiosk.restart')}
        </Button>
      </PostForm>
      <PostForm action={kioskPaths.help}>
        {back}
        <Button kind="secondary" wide icon="help">
          <span data-help role="status">
            {help?.by ? t('kiosk.help_taken', { name: help.by }) : t(help ? 'kiosk.help_called' : 'kiosk.help')}
          </span>
        </Button>
      </PostForm>
    </footer>
  )
}

/** Nobody touched the screen: asks, counts, and takes everything away. */
function IdleDialog() {
  const { t } = usePage()
  return (
    <dialog class="ask" id="idle" aria-labelledby="idle-title">
      <h2 id="idle-title">{t('kiosk.idle_title')}</h2>
      <p>
        {t('kiosk.idle_before')}
        <b data-left>{WARN_S}</b>
        {t('kiosk.idle_after')}
      </p>
      <button type="button" class="btn btn--wide btn--big" data-stay>
        {t('kiosk.idle_stay')}
      </button>
    </dialog>
  )
}

/** The network is away: says what that means here, and goes by itself. */
function OfflineDialog({ isPaying }: { isPaying: boolean }) {
  const { ctx, t } = usePage()
  return (
    <dialog class="ask" id="offline" aria-labelledby="offline-title">
      <h2 id="offline-title">{t(isPaying ? 'kiosk.offline_paying' : 'kiosk.offline_title')}</h2>
      <p>{t(isPaying ? 'kiosk.offline_paying_text' : 'kiosk.offline_text')}</p>
      <p>{t('kiosk.offline_else', { phone: ctx.phone })}</p>
      <p class="t-2">{t('kiosk.offline_back')}</p>
    </dialog>
  )
}

export function KioskFrame({ frame, children }: { frame: FrameOptions; children: ComponentChildren }) {
  const { ctx, t } = usePage()
  const { now, title } = ctx as KioskPageContext
  const hasChoice = ctx.elder !== undefined || ctx.lang !== 'zh-CN'
  // At the start only the size and language somebody chose are to be taken back.
  const idle = frame.isEmpty && !hasChoice ? undefined : (frame.idle_s ?? IDLE_S)
  return (
    <>
      <div
        class={`kiosk kiosk--${frame.name}`}
        data-kiosk={frame.name}
        data-live={`${kioskPaths.live}?page=${frame.isUnsure ? 'unsure' : frame.name}`}
        data-idle={idle}
        data-warn={WARN_S}
        data-now={now.getTime()}
      >
        <header class="kiosk__top">
          <Brand href={kioskPaths.start} place={ctx.tenantName} />
          <span class="t-2">
            {title} · <span data-clock>{dateTime(ctx.lang, now)}</span>
          </span>
        </header>
        <main id="main" class="kiosk__main" tabIndex={-1}>
          {children}
        </main>
        <Foot />
      </div>
      {idle !== undefined && <IdleDialog />}
      <OfflineDialog isPaying={frame.name === 'pay'} />
      <p class="veil" hidden id="veil" role="status">
        {t('kiosk.wiping')}
      </p>
      {frame.scans && (
        <PostForm action={kioskPaths.scan} id="scan" class="unseen">
          <Hidden name="code" value="" />
        </PostForm>
      )}
    </>
  )
}

/** Heading of a screen; everything to press stands below it. */
export const Hello = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="kiosk__hello">
    <h1>{title}</h1>
    {children}
  </div>
)

export const Door = (props: { href: string; icon: 'scan' | 'door-number'; title: string; note: string; solid?: boolean }) => (
  <a class={`kdoor${props.solid ? ' kdoor--solid' : ''}`} href={props.href}>
    <Icon name={props.icon} />
    <span>
      <b>{props.title}</b>
      <small>{props.note}</small>
    </span>
  </a>
)

export const renderKiosk = (ctx: PageContext, page: ComponentChildren, options: Pick<PageOptions, 'title' | 'hasError'>): string =>
  renderPage({ ...ctx, elder: ctx.elder && 'elder' }, page, {
    ...options,
    surface: 'kiosk',
    sheet: 'kiosk.css',
    scripts: ['kiosk.js', 'device.js'],
  })

/** A screen in the frame. */
export const screen = (ctx: KioskPageContext, frame: FrameOptions, title: string, children: ComponentChildren): string =>
  renderKiosk(ctx, <KioskFrame frame={frame}>{children}</KioskFrame>, { title, hasError: frame.hasError })
