/*
 * Makes a film for MPlayer out of nothing: raw 320x240 frames (YUV 4:2:0) on standard output. Discs of
 * many colours drift over a moving gradient with some grain, so that an encoder finds motion, edges and
 * noise.
 *   film FRAMES SEED
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 320, HEIGHT = 240, DISCS = 12 };

static uint8_t luma[HEIGHT][WIDTH], blue[HEIGHT / 2][WIDTH / 2], red[HEIGHT / 2][WIDTH / 2];

static uint32_t draw(uint32_t *state) {
  *state = *state * 1664525 + 1013904223;
  return *state >> 8;
}

int main(int count, char **arguments) {
  long frames = count > 1 ? atol(arguments[1]) : 900;
  uint32_t state = count > 2 ? (uint32_t)atol(arguments[2]) : 1;
  int x[DISCS], y[DISCS], dx[DISCS], dy[DISCS], radius[DISCS], colour[DISCS];
  for (int i = 0; i < DISCS; i++) {
    x[i] = draw(&state) % WIDTH, y[i] = draw(&state) % HEIGHT;
    dx[i] = 1 + draw(&state) % 4, dy[i] = 1 + draw(&state) % 3;
    radius[i] = 12 + draw(&state) % 30, colour[i] = draw(&state) % 256;
  }
  for (long frame = 0; frame < frames; frame++) {
    for (int row = 0; row < HEIGHT; row++)
      for (int column = 0; column < WIDTH; column++)
        luma[row][column] = (uint8_t)(64 + (row + column + frame * 2) % 128 + draw(&state) % 8);
    memset(blue, 128, sizeof blue);
    memset(red, 128, sizeof red);
    for (int i = 0; i < DISCS; i++) {
      x[i] = (x[i] + dx[i]) % WIDTH, y[i] = (y[i] + dy[i]) % HEIGHT;
      for (int row = -radius[i]; row <= radius[i]; row++)
        for (int column = -radius[i]; column <= radius[i]; column++) {
          int at_y = y[i] + row, at_x = x[i] + column;
          if (row * row + column * column > radius[i] * radius[i] || at_y < 0 || at_x < 0 || at_y >= HEIGHT || at_x >= WIDTH) continue;
          luma[at_y][at_x] = (uint8_t)(40 + colour[i] / 2 + draw(&state) % 16);
          blue[at_y / 2][at_x / 2] = (uint8_t)colour[i];
          red[at_y / 2][at_x / 2] = (uint8_t)(255 - colour[i]);
        }
    }
    if (fwrite(luma, sizeof luma, 1, stdout) + fwrite(blue, sizeof blue, 1, stdout) + fwrite(red, sizeof red, 1, stdout) != 3) return 1;
  }
  return 0;
}
