export interface PhotoLimits {
  readonly bytesMax: number
  readonly pixelsMax: number
  readonly sideMax: number
  /** Pictures waiting; who comes after is told to try again. */
  readonly queueMax: number
  readonly start_ms_max: number
  readonly picture_ms_max: number
  /** Beyond this the process is ended in the middle of its work. */
  readonly rssMax: number
  readonly idle_ms_max: number
}

const MIB = 2 ** 20

/** Telephones take pictures of 50 megapixels; those of twice that are sent smaller by every browser that knows them. */
export const PHOTO_LIMITS: PhotoLimits = {
  bytesMax: 12 * MIB,
  pixelsMax: 64_000_000,
  sideMax: 16_384,
  queueMax: 6,
  start_ms_max: 30_000,
  picture_ms_max: 30_000,
  rssMax: 1_200 * MIB,
  idle_ms_max: 120_000,
}
