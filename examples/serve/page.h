/* page.h - the page that a browser gets: a place to draw a digit, and one to drop a picture. */
#ifndef EXAMPLES_SERVE_PAGE_H
#define EXAMPLES_SERVE_PAGE_H

extern const char PAGE[];

#endif
