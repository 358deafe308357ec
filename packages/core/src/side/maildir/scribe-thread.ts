import { parentPort } from 'node:worker_threads';
import { openSeam } from '../../model/effect.js';
import { isSystemError } from './file-errors.js';
import { LetterFile, type Written } from './letter-file.js';
import type { Parcel, ParcelAnswer, ParcelLetter, ParcelResult } from './parcel.js';
import { unlinkFile } from './place-file.js';

/** The thread that writes letters into files (see scribe.ts): parcels come in, answers go out in the same order, after one to say hello. */
parentPort?.on('message', ({ octets, letters }: Parcel) => {
  let start = 0;
  const results = letters.map(letter => {
    const bytes = new Uint8Array(octets, start, letter.end - start);
    start = letter.end;
    return resultOf(letter, bytes);
  });
  parentPort?.postMessage({ octets, results } satisfies ParcelAnswer, [octets]);
});
parentPort?.postMessage('ready');

function resultOf(letter: ParcelLetter, bytes: Uint8Array): ParcelResult {
  try {
    return write(letter, bytes);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { error, code: error.code };
  }
}

/** What could not be written leaves no file behind. */
function write({ path, time }: ParcelLetter, bytes: Uint8Array): Written {
  const file = new LetterFile(openSeam, path);
  try {
    file.take(bytes);
    return file.finish(time);
  } catch (error) {
    unlinkFile(openSeam, path);
    throw error;
  } finally {
    file.close();
  }
}
